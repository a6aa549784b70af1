"""Rendering a clip to a file: in segments, so that a render that was killed goes on where it stopped.

While it works, everything lies in `NAME.part/` beside the output. Each finished segment is two files there: packets,
and a record that is written last. The output appears in one move at the end.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

import av

import melies
from melies import provenance
from melies.engine.chain import constant_rate, lead_in, needs_shots, staged
from melies.engine.libraries import opencv_keeps_to_its_thread, settle
from melies.engine.pipeline import Stage
from melies.engine.progress import Meter, Report
from melies.engine.shots import WARM_UP, mark_shots
from melies.engine.tally import tallying
from melies.engine.target import alone, check_target, picture_name, pictures_there
from melies.errors import MediaError, MeliesError, UseError
from melies.frame import Frame
from melies.media import budget
from melies.media.animation import lossless, write_animation
from melies.media.encode import Encoder, Segment, write_json
from melies.media.mux import Extras, write_film, write_sound
from melies.media.output import Plan, SaveOptions, make_plan
from melies.media.pictures import PictureEncoder, working_name
from melies.media.reader import Reader
from melies.provenance import Provenance

if TYPE_CHECKING:
    from melies.clip import Clip

log = logging.getLogger("melies")

SEGMENT = Fraction(8)
"""Seconds after which a segment ends wherever it is."""

SEGMENT_AT_CUT = Fraction(3)
"""Seconds after which a segment ends at the next cut."""

PLAIN = 4
"""How many times as long segments are when there are no effects: little is lost with them, and every new encoder has to
fill its look-ahead again."""


JOB = "job.json"
"""In the working folder: what is being rendered."""

LOCK = "lock"
"""In the working folder: held by the process that renders there."""

OURS = re.compile(r"(job|\d+)\.json(\.tmp)?|\d+\.(mkv|png|jpe?g|webp)|finished\.\w+")
"""Names of the other files that a render makes there."""


@dataclass(frozen=True)
class Where:
    """A place to go on from.

    Attributes:
        output: Time of the next frame wanted, in the result.
        restart: Time from which the source must run again to make it exactly.
        last_cut: When the shot that holds `restart` began; None at the very beginning.
    """

    output: Fraction | None = None
    restart: Fraction = Fraction(0)
    last_cut: Fraction | None = None


def render(clip: Clip, path: Path, options: SaveOptions, report: Report | None, threads: int | None = None) -> Path:
    """Write `clip` to `path`.

    Args:
        clip: What to write.
        path: Where.
        options: How.
        report: Told about the progress.
        threads: Cores to use; all if None.

    Returns:
        The path written.

    Raises:
        UseError: The request cannot be carried out; nothing was touched.
        MediaError: Reading or writing failed on the way; finished segments are kept for `resume`.
    """
    settle()
    plan = plan_for(clip, path, options)
    budget.check(plan, options.max_size)
    check_target(clip.inputs(), plan, options.overwrite)
    for note in plan.notes:
        log.warning("%s", note)
    with Workshop(clip, plan, options) as shop, opencv_keeps_to_its_thread(), tallying(shop.tally) as shop.tally:
        if plan.kind == "sound":
            shop.write_sound()
        else:
            shop.make_segments(report, threads)
            shop.assemble(report)
            shop.fit(report, threads)
        shop.label()
        shop.publish()
    return plan.path


def plan_for(clip: Clip, path: Path, options: SaveOptions) -> Plan:
    """Decide how the clip is written."""
    spec = clip.spec
    if options.fps is not None:
        frames = spec.frames and round(spec.frames * options.fps / spec.rate)
        spec = spec.replace(rate=options.fps, time_base=1 / options.fps, variable=False, frames=frames)
    native = clip.native_format if not clip.effects else ""
    return make_plan(path, spec, options, native)


def empty(folder: Path) -> None:
    """Remove what a render keeps in its working folder, and nothing else."""
    for file in folder.iterdir():
        if OURS.fullmatch(file.name):
            file.unlink()


class Workshop:
    """The folder a render works in, from the first frame to the finished file.

    Used as a context: left with an error, it keeps finished segments for `resume` and removes everything else.
    """

    def __init__(self, clip: Clip, plan: Plan, options: SaveOptions) -> None:
        self.clip = clip
        self.plan = plan
        self.options = options
        self.folder = plan.path.with_name(plan.path.name + ".part")
        self.segments: list[Segment] = []
        self.made: Path | None = None
        self.extras = Extras()
        self.tally: Mapping[str, int] = {}
        self._published = False
        self._held = ExitStack()

    def __enter__(self) -> Workshop:
        self._check_folder()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(alone(self.folder / LOCK))
        except OSError as error:
            raise UseError(
                f"{self.folder.parent} cannot be written to: {error.strerror}.", "Choose another place."
            ) from None
        job, ledger = self.job(), self.folder / JOB
        try:
            if self.options.resume and ledger.exists():
                self._resume(json.loads(ledger.read_text()), job)
            else:
                empty(self.folder)
                write_json(ledger, job)
        except BaseException:
            self._held.close()
            raise
        return self

    def _check_folder(self) -> None:
        """Refuse a folder that is not ours, or that holds work which was not asked to be thrown away."""
        folder = self.folder
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UseError(f"{folder} is in the way of the render's working folder.", "Move it away.")
        if not folder.exists() or not any(folder.iterdir()):
            return
        if not (folder / JOB).exists() and not (folder / LOCK).exists():
            raise UseError(f"{folder} is in the way, and holds something else than a render.", "Move it away.")
        if any(folder.glob("[0-9]*.json")) and not (self.options.overwrite or self.options.resume):
            raise UseError(
                f"{folder} holds an unfinished render.",
                "Add --resume to go on with it, or --overwrite to begin again.",
            )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        keep = not self._published and bool(self.segments)
        if not keep:
            empty(self.folder)
        self._held.close()
        if not keep:
            (self.folder / LOCK).unlink(missing_ok=True)
            self.folder.rmdir()
        elif error is not None:
            frames = sum(segment.frames for segment in self.segments)
            log.warning("%d finished frames are kept in %s: add --resume to go on.", frames, self.folder)
        if isinstance(error, OSError) and not isinstance(error, MeliesError):
            raise failure(self.plan.path, error) from error

    def job(self) -> dict[str, object]:
        """Say what this render is, so that only the same one is resumed."""
        options = self.options.model_dump(mode="json", exclude={"overwrite", "resume", "max_size"})
        return {
            "melies": melies.__version__,
            "clip": self.clip.identity(),
            "options": options,
            "output": self.plan.path.name,
        }

    def _resume(self, old: dict[str, object], job: dict[str, object]) -> None:
        if old != json.loads(json.dumps(job)):
            changed = [key for key in job if old.get(key) != json.loads(json.dumps(job[key]))]
            raise UseError(
                f"{self.folder} holds a render of something else ({', '.join(changed)} differ).",
                "Give the same input, effects and options, or begin again with --overwrite.",
            )
        records = sorted(self.folder.glob("[0-9]*.json"))
        self.segments = [Segment.load(record) for record in records]
        self.tally = self.segments[-1].tally if self.segments else {}

    # frames

    def where(self) -> Where | None:
        """Where to go on; None when every segment is there."""
        if not self.segments:
            return Where()
        last = self.segments[-1]
        if not last.next:
            return None
        return Where(Fraction(last.next), Fraction(last.restart), Fraction(last.last_cut) if last.last_cut else None)

    def make_segments(self, report: Report | None, threads: int | None) -> None:
        """Render what is missing, segment by segment."""
        where = self.where()
        done = sum(segment.frames for segment in self.segments)
        if where is None:
            Meter(report, "render", done, done=done).finish()
            return
        time_base = self.time_base()
        if where.output is not None and where.restart < where.output:
            log.warning(
                "To go on exactly, effects with memory begin again at %.1f s; the result goes on at %.1f s.",
                where.restart,
                where.output,
            )
        run = Run(self.clip, self.options.fps, where, threads)
        meter = Meter(report, "render", self.plan.spec.frames, done=done, loads=run.loads, skipped=run.skipped)
        encoder: Encoder | PictureEncoder | None = None
        begin = Fraction(0)
        try:
            for frame in run.frames():
                moment = frame.pts * frame.time_base
                if encoder is not None and run.ends(moment - begin, frame.cut):
                    self._keep(encoder, time_base, run.restart(moment))
                    encoder = None
                if encoder is None:
                    begin = moment
                    encoder = self._encoder(time_base, threads or 0)
                encoder.add(frame)
                meter.add()
            if encoder is not None:
                self._keep(encoder, time_base, None)
                encoder = None
        except av.FFmpegError as error:
            raise failure(self.plan.path, error) from error
        finally:
            if encoder is not None:
                encoder.abandon()
            run.close()
        if not self.segments:
            raise MediaError(f"{self.plan.path.name}: there are no frames to write.", "Check --start and --end.")
        meter.finish()

    def time_base(self) -> Fraction:
        """Return the clock that frames are encoded on: the source's own, if it is fine enough for the rate."""
        spec = self.plan.spec
        return spec.time_base if spec.time_base <= 1 / spec.rate else 1 / (spec.rate * 1000)

    def _encoder(self, time_base: Fraction, threads: int) -> Encoder | PictureEncoder:
        if self.plan.kind == "pictures":
            return PictureEncoder(self.plan, self.folder, sum(segment.frames for segment in self.segments))
        plan = lossless(self.plan) if self.plan.kind == "animation" else self.plan
        return Encoder(plan, self.folder / f"{len(self.segments):06d}.mkv", time_base, threads)

    def _keep(self, encoder: Encoder | PictureEncoder, time_base: Fraction, go_on: Where | None) -> None:
        index = len(self.segments)
        stamps = encoder.finish()
        segment = Segment(
            index,
            f"{index:06d}.mkv",
            encoder.frames,
            str(time_base),
            stamps,
            str(go_on.output) if go_on else "",
            str(go_on.restart) if go_on else "",
            str(go_on.last_cut) if go_on and go_on.last_cut is not None else "",
            dict(self.tally),
        )
        segment.save(self.folder)
        self.segments.append(segment)

    # the finished file

    def assemble(self, report: Report | None) -> None:
        """Put the segments together; pictures are finished as they are."""
        if self.plan.kind == "pictures":
            return
        self.made = self.folder / f"finished{self.plan.path.suffix}"
        if self.plan.kind != "animation":
            self.extras = replace(self.clip.extras(self.options), provenance=self.provenance)
        self._write(self.plan, self.segments, self.made, report)

    def _write(self, plan: Plan, segments: Sequence[Segment], target: Path, report: Report | None) -> None:
        meter = Meter(report, "write", sum(segment.frames for segment in segments))
        try:
            if plan.kind == "animation":
                write_animation(plan, target, segments, self.folder, self.options.loop, meter.add)
            else:
                write_film(plan, target, segments, self.folder, self.extras, meter.add)
        except av.FFmpegError as error:
            raise failure(self.plan.path, error) from error
        meter.finish()

    def fit(self, report: Report | None, threads: int | None) -> None:
        """Write the result again, with less of everything, until it is as small as it has to be."""
        made, most = self.made, self.options.max_size
        if made is None or most is None:
            return
        if self.provenance is not None:
            most -= provenance.room(self.provenance)
        if made.stat().st_size <= most:
            return
        if self.plan.kind == "animation":

            def animation(plan: Plan, target: Path) -> None:
                self._write(plan, self.segments, target, report)

            budget.fit_animation(self.plan, most, made, animation, keep_rate=self.options.fps is not None)
            return

        # What is to be said was said the first time.
        self.extras = replace(self.extras, tell=False)

        def film(plan: Plan, segments: Sequence[Segment], target: Path) -> None:
            self._write(plan, segments, target, report)

        budget.fit_film(self.plan, most, made, self.segments, Reader(made).frames, film, threads or 0)

    def write_sound(self) -> None:
        """Write sound alone."""
        tracks = self.clip.tracks()
        if not tracks:
            raise UseError(f"{self.plan.path.name}: the clip has no sound to write.")
        if len(tracks) > 1:
            log.warning("Only the first of %d sound tracks is written: such a file holds one.", len(tracks))
        self.made = self.folder / f"finished{self.plan.path.suffix}"
        try:
            write_sound(self.plan, self.made, tracks)
        except av.FFmpegError as error:
            raise failure(self.plan.path, error) from error

    @cached_property
    def provenance(self) -> Provenance | None:
        """What is to be said about the result; only asked when all frames are made."""
        idle = [name for name, count in self.tally.items() if not count]
        for name in idle:
            log.warning("%s found no face that it should change, so it changed nothing.", name)
        return provenance.of(self.clip, idle)

    def label(self) -> None:
        """Write into the result what a machine made in it."""
        if self.provenance is None:
            return
        count = sum(segment.frames for segment in self.segments) if self.plan.many else 1
        for file in [self.made] if self.made else [working_name(self.folder, self.plan, i) for i in range(count)]:
            provenance.write(file, self.provenance)

    def publish(self) -> None:
        """Move the result to its place, in one step."""
        path = self.plan.path
        if self.made is not None:
            self.made.replace(path)
        elif not self.plan.many:
            working_name(self.folder, self.plan, 0).replace(path)
        else:
            picture_name(path, 1).parent.mkdir(parents=True, exist_ok=True)
            for old in pictures_there(path):
                old.unlink()
            for index in range(sum(segment.frames for segment in self.segments)):
                working_name(self.folder, self.plan, index).replace(picture_name(path, index + 1))
        self._published = True


class Run:
    """One pass over the clip's frames, from wherever it has to go on."""

    def __init__(self, clip: Clip, fps: Fraction | None, where: Where, threads: int | None) -> None:
        self._clip = clip
        self._fps = fps
        self._where = where
        self._whole = any(effect.scope == "video" or effect.retimes for effect in clip.effects)
        self._lead = lead_in(clip.effects)
        self._cuts: list[Fraction] = []
        if where.last_cut is not None:
            self._cuts.append(where.last_cut)
        self.stages: list[Stage[Frame]] = staged(self._source(), clip.source.spec, clip.effects, threads, clip.heard)

    def _source(self) -> Iterator[Frame]:
        shots = needs_shots(self._clip.effects)
        where = self._where
        warm = WARM_UP if shots and where.restart else 0
        lead = (self._lead or 0) if where.restart else 0
        frames = self._clip.source.frames(where.restart, lead + warm)
        if not where.restart or not lead + warm:
            return self._note_cuts(mark_shots(frames)) if shots else frames
        return self._note_cuts(self._from_the_middle(frames, lead, shots))

    def _from_the_middle(self, frames: Iterator[Frame], lead: int, shots: bool) -> Iterator[Frame]:
        """Begin `lead` frames before the place to restart from, but not before its shot."""
        where = self._where
        early: list[Frame] = []
        rest: Frame | None = None
        for frame in frames:
            if frame.pts * frame.time_base >= where.restart:
                rest = frame
                break
            early.append(frame)
        begin = where.restart
        if lead and early:
            first = early[-min(lead, len(early))]
            begin = first.pts * first.time_base
        if where.last_cut is not None:
            begin = max(begin, where.last_cut)

        def again() -> Iterator[Frame]:
            yield from early
            early.clear()
            if rest is not None:
                yield rest
            yield from frames

        if shots:
            yield from mark_shots(again(), begin, where.last_cut)
        else:
            yield from dropwhile(lambda frame: frame.pts * frame.time_base < begin, again())

    def frames(self) -> Iterator[Frame]:
        """The frames still wanted, in order."""
        frames: Iterator[Frame] = self.stages[-1]
        if self._fps is not None:
            frames = constant_rate(frames, self._fps)
        if self._where.output is not None:
            begin = self._where.output
            frames = dropwhile(lambda frame: frame.pts * frame.time_base < begin, frames)
        return frames

    def _note_cuts(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Remember where shots begin in the source: in the result, that may be between two frames."""
        for frame in frames:
            if frame.cut:
                self._cuts.append(frame.pts * frame.time_base)
            yield frame

    def ends(self, length: Fraction, cut: bool) -> bool:
        """Whether a segment of this length ends before the frame at hand."""
        longer = 1 if self._clip.effects else PLAIN
        return length >= SEGMENT * longer or (cut and length >= SEGMENT_AT_CUT * longer)

    def restart(self, moment: Fraction) -> Where:
        """Say from where the source must run again so that the frame at `moment` of the result is made exactly."""
        if self._whole:
            return Where(moment)
        # At a constant rate the picture shown may have begun up to a frame earlier.
        restart = moment - (2 / self._fps if self._fps else 0)
        cut = max((cut for cut in self._cuts if cut <= restart), default=None)
        if self._lead is None:
            return Where(moment, cut or Fraction(0), cut)
        return Where(moment, max(restart, Fraction(0)), cut)

    def loads(self) -> dict[str, float]:
        """How busy each stage is."""
        return {stage.name: stage.load for stage in self.stages}

    def skipped(self) -> int:
        """How many broken frames were left out."""
        return int(getattr(self._clip.source, "errors", 0))

    def close(self) -> None:
        """Stop all threads."""
        for stage in reversed(self.stages):
            stage.close()


def failure(path: Path, error: OSError | av.FFmpegError) -> MediaError:
    """Put a system or FFmpeg error into a sentence."""
    import errno

    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return MediaError(f"{path}: the disk is full.", "Free some space and add --resume, or choose another place.")
    reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
    return MediaError(f"{path}: writing failed: {reason}.", "Try other --codec or --set options, or another place.")
