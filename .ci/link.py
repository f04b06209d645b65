"""Make the checkout importable from .venv without building it: a path entry, metadata and the command."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path


def main(site: Path) -> None:
    """Write what an editable install would write into *site*."""
    project = Path(__file__).resolve().parents[1]
    meta = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (site / "pitchey_ops_checkout.pth").write_text(f"{project}\n", encoding="utf-8")
    info = site / f"pitchey_ops-{meta['version']}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {meta['name']}\nVersion: {meta['version']}\n", encoding="utf-8"
    )
    (info / "RECORD").write_text("", encoding="utf-8")
    scripts = "\n".join(f"{name} = {target}" for name, target in meta["scripts"].items())
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{scripts}\n", encoding="utf-8")
    for name, target in meta["scripts"].items():
        module, function = target.split(":")
        command = Path(sys.prefix) / "bin" / name
        command.write_text(
            f"#!{sys.prefix}/bin/python\nimport sys\n\nfrom {module} import {function}\n\n"
            f'if __name__ == "__main__":\n    sys.exit({function}())\n',
            encoding="utf-8",
        )
        command.chmod(command.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


main(Path(sys.argv[1]))
