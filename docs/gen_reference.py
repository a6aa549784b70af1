"""Write the pages that nobody should write by hand: effects, commands and recipes, from the code itself.

A hook of mkdocs. A page `effects/NAME.md` that someone wrote is kept, and the reference is added to its end. In any
page `<!-- help: apply -->` becomes the help of a command, `<!-- effects -->` the list of effects, `<!-- recipes -->`
the recipes of `examples/recipes`, and `<!-- decisions -->` the list of decisions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from melies import effects
from melies.cli import cli
from melies.effect import Effect
from melies.schema import Setting, settings, summary

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "examples" / "recipes"
MARK = re.compile(r"<!-- (?P<what>[a-z]+)(?:: (?P<name>[a-z-]+))? -->")


def on_config(config: Any) -> Any:
    """Add effects and decisions to the navigation."""
    pages = [{name: f"effects/{name}.md"} for name in effects.names()]
    records = [{decision_title(path): f"adr/{path.name}"} for path in decisions()]
    config.nav += [{"Effects": pages}] if pages else []
    config.nav += [{"Decisions": [{"Overview": "adr/index.md"}, *records]}]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add a page for every effect that has none."""
    from mkdocs.structure.files import File

    for name in effects.names():
        uri = f"effects/{name}.md"
        if files.get_file_from_path(uri) is None:
            effect = effects.find(name)
            files.append(File.generated(config, uri, content=f"# {name}\n\n{about(effect)}\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill the marks in, and add the reference to the page of an effect."""
    folder, _, name = page.file.src_uri.removesuffix(".md").rpartition("/")
    if folder == "effects" and name in effects.names():
        markdown += "\n" + reference(effects.find(name))
    return MARK.sub(lambda match: fill(match["what"], match["name"] or ""), markdown)


def fill(what: str, name: str) -> str:
    """Return what stands in the place of a mark.

    Raises:
        KeyError: There is no such mark.
    """
    makers = {"help": command_help, "effects": effect_list, "recipes": recipe_list, "decisions": decision_list}
    return makers[what](name)


def about(effect: type[Effect]) -> str:
    """Return what the effect says of itself, without the sections meant for programmers."""
    text = re.split(r"\n\s*(?:Attributes|Args|Raises):", effect.__doc__ or "")[0]
    return "\n".join(line.strip() for line in text.strip().splitlines())


def reference(effect: type[Effect]) -> str:
    """Return the options of an effect as a table, and how it is called."""
    name, kind = effect.name(), effect.__name__
    needed = [setting for setting in settings(effect) if setting.required]
    options = "".join(f" {setting.option} {setting.wants}" for setting in needed)
    fields = ", ".join(f"{setting.name}=..." for setting in needed)
    lines = [
        "## Options",
        "",
        "| option | takes | default | what it does |",
        "|---|---|---|---|",
        *map(row, settings(effect)),
        "",
        "## How it is called",
        "",
        "```sh",
        f"melies apply in.mp4 out.mp4 {name}{options}",
        "```",
        "",
        "```python",
        "import melies",
        "",
        f'melies.open("in.mp4").apply(melies.{kind}({fields})).save("out.mp4")',
        "```",
    ]
    return "\n".join(lines if settings(effect) else lines[6:])


def row(setting: Setting) -> str:
    """Return one line of the table of options."""
    takes = " ".join(filter(None, [setting.wants, f"({setting.bounds})" if setting.bounds else ""]))
    cells = [f"`{setting.option}`", takes, setting.default or ("needed" if setting.required else ""), setting.help]
    return "| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |"


def command_help(name: str) -> str:
    """Return the help of a command, as the terminal shows it."""
    parent = click.Context(cli, info_name="melies", terminal_width=90)
    if not name:
        return f"```text\n{cli.get_help(parent)}\n```"
    command = cli.get_command(parent, name)
    if command is None:
        raise KeyError(name)
    return f"```text\n{command.get_help(click.Context(command, info_name=name, parent=parent))}\n```"


def effect_list(_: str) -> str:
    """Return one line for each effect."""
    return "\n".join(f"- [`{name}`](effects/{name}.md): {summary(effects.find(name))}." for name in effects.names())


def recipe_list(_: str) -> str:
    """Return every recipe with its first comment as the heading."""
    parts = []
    for path in sorted(RECIPES.glob("*.yaml")):
        heading, _, text = path.read_text(encoding="utf-8").partition("\n")
        parts.append(f"## {heading.lstrip('# ')}\n\n`{path.name}`\n\n```yaml\n{text.strip()}\n```\n")
    return "\n".join(parts)


def decisions() -> list[Path]:
    """Return the files of the decisions, in order."""
    return sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def decision_title(path: Path) -> str:
    """Return the heading of a decision."""
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def decision_list(_: str) -> str:
    """Return the list of decisions."""
    return "\n".join(f"- [{decision_title(path)}]({path.name})" for path in decisions())
