"""The README's picture: what `genrescope ARGUMENTS` prints on a terminal, as SVG.

usage: make_picture.py BINARY OUT.svg ARGUMENTS…      (pip install rich==15.0.0)
"""

import os
import pty
import re
import sys

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COLUMNS = 92
# Without the web fonts that the library links to: the picture loads nothing.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code", "Menlo, Consolas")


def terminal_output(command: list[str]) -> str:
    """Runs the command on a pseudo-terminal, where it shows its colours, and gives what it wrote."""
    chunks = []

    def read(fd: int) -> bytes:
        chunk = os.read(fd, 4096)
        chunks.append(chunk)
        return chunk

    os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    pty.spawn(command, read)
    return b"".join(chunks).decode().replace("\r\n", "\n")


def main() -> None:
    binary, out, *arguments = sys.argv[1:]
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))
    console.print(Text("$ genrescope " + " ".join(arguments), style="bold"))
    console.print(Text.from_ansi(terminal_output([binary, *arguments]).rstrip()))
    console.save_svg(out, title="genrescope", code_format=FORMAT)


if __name__ == "__main__":
    main()
