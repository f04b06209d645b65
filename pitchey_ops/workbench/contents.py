"""The files of a session as its JupyterLab reads them: a page that is loaded again gets its living panels back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from .places import VARIABLE
from .saving import living_again


class SessionContents(AsyncLargeFileManager):
    """Files on disk; in notebooks whose kernel lives, static twins become widgets again on the way to the page."""

    async def get(self, path: str, content: bool = True, *args: Any, **kwargs: Any) -> Any:
        """Return the model of *path*."""
        model = await super().get(path, content, *args, **kwargs)  # type: ignore[no-untyped-call]
        folder = os.environ.get(VARIABLE)
        if folder and isinstance(model, dict) and model.get("type") == "notebook" and model.get("content"):
            living_again(model["content"], Path(folder))
        return model
