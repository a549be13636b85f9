"""Writes 3,000 pictures of 64x64 pixels: letters in random colours on darker backgrounds.

    .venv/bin/python docs/examples/coloured_letters.py letters
    ./run.sh import_images letters --size 64 --color --out data/letters

Some pictures of one's own to try the program with, without a network. The folder gets a folder for
each letter, A to F, which becomes a class. The same pictures come each time.
"""

from __future__ import annotations

import pathlib
import random
import sys

import matplotlib.font_manager
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEF"
PICTURES = 3000
SIDE = 64


def picture(letter: str, draws: random.Random) -> Image.Image:
    """Returns a letter of random size, place and turn, brighter than what is behind it."""
    family, weight = draws.choice(["DejaVu Sans", "DejaVu Serif"]), draws.choice(["normal", "bold"])
    path = matplotlib.font_manager.findfont(f"{family}:weight={weight}")
    font = ImageFont.truetype(path, draws.randint(40, 56))
    behind = tuple(draws.randint(0, 90) for _ in range(3))
    colour = tuple(draws.randint(130, 255) for _ in range(3))
    canvas = Image.new("RGB", (SIDE, SIDE), behind)
    place = [SIDE / 2 + draws.uniform(-4, 4) for _ in range(2)]
    ImageDraw.Draw(canvas).text(place, letter, colour, font, anchor="mm")
    return canvas.rotate(draws.uniform(-12, 12), Image.Resampling.BICUBIC, fillcolor=behind)


def main() -> None:
    """Writes the pictures into the folder that the first word names."""
    folder, draws = pathlib.Path(sys.argv[1]), random.Random(0)
    for letter in LETTERS:
        (folder / letter).mkdir(parents=True)
    for number in range(PICTURES):
        letter = LETTERS[number % len(LETTERS)]
        picture(letter, draws).save(folder / letter / f"{number:04d}.png")


if __name__ == "__main__":
    main()
