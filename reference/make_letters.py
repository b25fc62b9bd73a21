"""Writes crates/genrescope/src/report/picture/letters.txt: outlines of DejaVu Sans for pictures that hold no font.

    pip install fonttools==4.68.0 && python reference/make_letters.py /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

A line a letter: the letter, how far it moves on, then its contours as points `x y`, contours parted by `;`. Unit: a
hundredth of the font's size, upwards from the base line; curves are cut into straight pieces.
"""

import sys
from pathlib import Path

from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.ttLib import TTFont

OUT = Path(__file__).parent.parent / "crates/genrescope/src/report/picture/letters.txt"
RANGES = [(33, 127), (0xA1, 0x180), (0x370, 0x400), (0x400, 0x460)]  # Latin, Greek, Cyrillic: titles of recordings
LETTERS = [chr(code) for first, end in RANGES for code in range(first, end)] + list("−–—‘’“”…•→")
PIECES = 3


def curve(start, controls):
    """Points of a TrueType spline: implied points lie between its controls."""
    points, here = [], start
    for i, control in enumerate(controls[:-1]):
        following = controls[i + 1]
        last = i == len(controls) - 2
        end = following if last else ((control[0] + following[0]) / 2, (control[1] + following[1]) / 2)
        for piece in range(1, PIECES + 1):
            t = piece / PIECES
            points.append(tuple((1 - t) ** 2 * here[k] + 2 * t * (1 - t) * control[k] + t * t * end[k] for k in (0, 1)))
        here = end
    return points


def outline(glyphs, name, scale):
    pen = DecomposingRecordingPen(glyphs)
    glyphs[name].draw(pen)
    contours = []
    for verb, arguments in pen.value:
        if verb == "moveTo":
            contours.append([arguments[0]])
        elif verb == "lineTo":
            contours[-1].append(arguments[0])
        elif verb == "qCurveTo":
            contours[-1].extend(curve(contours[-1][-1], arguments))
    flat = lambda contour: " ".join(f"{round(x * scale)} {round(y * scale)}" for x, y in contour)
    return ";".join(flat(contour) for contour in contours)


font = TTFont(sys.argv[1])
glyphs, names, scale = font.getGlyphSet(), font.getBestCmap(), 100 / font["head"].unitsPerEm
lines = [f"  {round(glyphs['space'].width * scale)} "]
lines += [f"{c} {round(glyphs[names[ord(c)]].width * scale)} {outline(glyphs, names[ord(c)], scale)}" for c in LETTERS if ord(c) in names]
OUT.write_text("\n".join(lines) + "\n")
