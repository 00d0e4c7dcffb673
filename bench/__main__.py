"""``python -m bench [NAME ...]``: every benchmark, or those named, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

BENCHES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")
)


def main() -> int:
    """Run them; 0 if every one ran to its end."""
    wanted = sys.argv[1:] or BENCHES
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(
            f"No benchmark is named {', '.join(unknown)}. There are: {', '.join(BENCHES)}.",
            file=sys.stderr,
        )
        return 2
    failed = [name for name in wanted if _run(name)]
    return 3 if failed else 0


def _run(name: str) -> int:
    print(f"\n== {name} ==", flush=True)
    return subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
