"""`python -m docsite [FOLDER]`: build the site, `build/site` if no folder is named."""

from __future__ import annotations

import sys
from pathlib import Path

from docsite.build import build
from docsite.contents import ROOT, DocumentationError

if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    try:
        count = build(target)
    except DocumentationError as error:
        sys.exit(f"error: {error}")
    print(f"{count} pages. Open {target / 'index.html'}")
