"""Files over HTTP: gone on with where the connection was cut, verified, and never half there."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import ssl
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from dsomgnn.data.cards import File, mismatch
from dsomgnn.data.reports import Report, silent
from dsomgnn.errors import DataError

TRIES = 4
PAUSE = 1.0  # seconds before the second try, twice that before the third, and so on
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 16
SPARE = 1 << 20  # bytes by which a packed file may be longer than an unpacked one
CUT = (URLError, TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException)


class MissingError(DataError):
    """The server, or the folder, has no such file."""


def fetch(address: str, path: Path, wanted: File, report: Report = silent) -> None:
    """Get a URL, or a file by its path, into `path` (packed where both end in .gz), and verify it.

    What is there and right is kept. A cut download leaves `path`.part, and the next call goes on with it. Raises
    MissingError, DataError; then `path` is not there.
    """
    if path.is_file() and mismatch(path, wanted) is None:
        return
    get = download if is_url(address) else _copy
    part = path.with_name(f"{path.name}.part")
    for resumed in (part.is_file(), False):
        get(address, path, wanted.size + SPARE, report)
        why = mismatch(path, wanted)
        if why is None:
            return
        path.unlink()
        if not resumed:  # else the part may have been another file's
            break
    raise DataError(f"{address}: not the file expected: {why}. Nothing of it is kept")


def is_url(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def download(url: str, path: Path, limit: int, report: Report = silent) -> None:
    """Get `url` into `path`, at most `limit` bytes, in up to 4 tries. Raises MissingError, DataError."""
    part = path.with_name(f"{path.name}.part")
    for trial in range(TRIES):
        time.sleep(PAUSE * 2 ** (trial - 1) if trial else 0)
        try:
            _receive(url, part, limit, report)
        except HTTPError as error:
            if error.code in (404, 410):
                raise MissingError(f"{url}: no such file there ({error.code} {error.reason})") from None
            if error.code == 416:  # the part is as long as the file, or longer: it is not to be trusted
                part.unlink()
            elif error.code != 429 and error.code < 500:
                raise DataError(f"{url}: refused: {error.code} {error.reason}") from None
            reason = f"{error.code} {error.reason}"
        except CUT as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            os.replace(part, path)
            return
    kept = f"; {part} keeps {part.stat().st_size:,} bytes for the next try" if part.is_file() else ""
    raise DataError(f"{url}: not received in {TRIES} tries: {reason}{kept}")


def _copy(address: str, path: Path, limit: int, report: Report) -> None:
    if not Path(address).is_file():
        raise MissingError(f"{address}: no such file")
    part = path.with_name(f"{path.name}.part")
    shutil.copyfile(address, part)
    os.replace(part, path)


def _receive(url: str, part: Path, limit: int, report: Report) -> None:
    """One request for what `part` lacks; whole where the server does not go on from there."""
    start = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "dsomgnn", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as reply:
        if reply.status == 206 and not _begins_at(start, reply):
            part.unlink()
            raise ConnectionError("the server sent another part than the one asked for")
        done = start if reply.status == 206 else 0
        length = reply.headers.get("Content-Length")
        total = done + int(length) if length else None
        with open(part, "ab" if done else "wb") as file:
            while chunk := reply.read(CHUNK):
                done += len(chunk)
                if done > limit:
                    part.unlink()
                    raise DataError(f"{url}: longer than expected; stopped after {limit:,} bytes")
                file.write(chunk)
                report(done, total)
    if total is not None and done < total:
        raise ConnectionError(f"the connection was cut after {done:,} of {total:,} bytes")


def _begins_at(start: int, reply: http.client.HTTPResponse) -> bool:
    begin = re.match(r"bytes (\d+)-", reply.headers.get("Content-Range", ""))
    return begin is not None and int(begin[1]) == start
