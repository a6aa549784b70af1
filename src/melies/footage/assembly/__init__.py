"""Assembling a story: a brief becomes a rough cut whose every choice has a reason."""

from melies.footage.assembly import paper, plan, silence
from melies.footage.assembly.brief import Beat, parse
from melies.footage.assembly.choose import Choice, choose
from melies.footage.assembly.continuity import Clash, clashes

__all__ = ["Beat", "Choice", "Clash", "choose", "clashes", "paper", "parse", "plan", "silence"]
