"""
Another place for a process: a time zone, a language, and a day that are not this machine's.

The day is changed below Python by a few lines of C between the process and the C library, so that whatever reads
the wall clock (Python, compiled packages, children) reads the other one. Clocks that only count on are left alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
    const char *text = getenv("PITCHEY_BENCH_CLOCK_S");
    return text ? strtol(text, 0, 10) : 0;
}
static int real(clockid_t id, struct timespec *out) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return next(id, out);
}
int clock_gettime(clockid_t id, struct timespec *out) {
    int failed = real(id, out);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) out->tv_sec += shift();
    return failed;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec at;
    (void)zone;
    if (real(CLOCK_REALTIME, &at)) return -1;
    out->tv_sec = at.tv_sec + shift();
    out->tv_usec = at.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec at;
    if (real(CLOCK_REALTIME, &at)) return (time_t)-1;
    at.tv_sec += shift();
    if (out) *out = at.tv_sec;
    return at.tv_sec;
}
/* who waits until a time of day means the other day's; a small number is a clock that only counts on */
static struct timespec until(const struct timespec *at) {
    struct timespec meant = *at;
    if (meant.tv_sec > 1000000000) meant.tv_sec -= shift();
    return meant;
}
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at) {
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec meant = until(at);
    if (!next) next = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))
        dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    return next(c, m, &meant);
}
int sem_timedwait(sem_t *s, const struct timespec *at) {
    static int (*next)(sem_t *, const struct timespec *);
    struct timespec meant = until(at);
    if (!next) next = (int (*)(sem_t *, const struct timespec *))dlsym(RTLD_NEXT, "sem_timedwait");
    return next(s, &meant);
}
"""
SHIFT = "PITCHEY_BENCH_CLOCK_S"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where and when a replay is made.

    Attributes
    ----------
    language
        A locale's name; compiled for the purpose where the system's tools can.
    shift_s
        Seconds that the wall clock is off.
    """

    name: str
    zone: str
    language: str
    shift_s: int
    more: Mapping[str, str] = field(default_factory=dict)


PLACES = (
    Place(
        name="Kolkata, Turkish, 13 months on",
        zone="Asia/Kolkata",
        language="tr_TR.UTF-8",
        shift_s=403 * _DAY_S + 30_603,
        more={"PYTHONHASHSEED": "12345", "POLARS_MAX_THREADS": "1"},
    ),
    Place(
        name="St. John's, plain ASCII, 3 years back",
        zone="America/St_Johns",
        language="C",
        shift_s=-1_130 * _DAY_S - 7_777,
        more={
            "PYTHONHASHSEED": "77",
            "POLARS_MAX_THREADS": "3",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
            "PITCHEY_OPS_ORIGIN": "http://127.0.0.1:1",
            "PITCHEY_OPS_SERVICES": "other,services",
            "PITCHEY_OPS_THRESHOLDS__STALE_AFTER_S": "1",
        },
    ),
)
"""Two that differ in all that a process can be told by its surroundings; the second has other settings as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What could be made on this machine; ``missing`` says what not, and so what is not changed."""

    clock: Path | None
    locales: Path | None
    missing: tuple[str, ...]


def make_tools(folder: Path, places: tuple[Place, ...] = PLACES) -> Tools:
    """Compile the other clock and the other languages into *folder*."""
    missing = []
    clock = folder / "clock.so"
    source = folder / "clock.c"
    source.write_text(CLOCK, encoding="ascii")
    if not _done("cc", "-shared", "-fPIC", "-O1", "-o", str(clock), str(source), "-ldl"):
        missing.append("another day (no C compiler: apt-get install gcc libc6-dev)")
    locales = folder / "locales"
    locales.mkdir(exist_ok=True)
    for language in sorted({place.language for place in places} - {"C", "POSIX", "C.UTF-8"}):
        name, _, coding = language.partition(".")
        if not _done("localedef", "-i", name, "-f", coding or "UTF-8", str(locales / language)):
            missing.append(f"the language {language} (no localedef or its sources: apt-get install locales)")
    return Tools(
        clock=clock if clock.exists() else None,
        locales=locales if any(locales.iterdir()) else None,
        missing=tuple(missing),
    )


def environment(place: Place, tools: Tools) -> dict[str, str]:
    """Return this process's environment as it is at *place*."""
    there = {**os.environ, "TZ": place.zone, "LC_ALL": place.language, "LANG": place.language, **place.more}
    if tools.locales is not None:
        there["LOCPATH"] = str(tools.locales)
    if tools.clock is not None:
        there |= {"LD_PRELOAD": str(tools.clock), SHIFT: str(place.shift_s)}
    return there


def _done(*command: str) -> bool:
    program = shutil.which(command[0])
    if program is None:
        return False
    # localedef ends with 1 for mere warnings; what counts is what it made
    done = subprocess.run([program, *command[1:]], capture_output=True, check=False)  # noqa: S603 - the system's tools
    return done.returncode == 0 or Path(command[-1]).is_dir()
