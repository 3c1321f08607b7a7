"""Drive a bundle without a server, by a prompt and by numbers: python docs/examples/drive_bundle.py BUNDLE FOLDER

Needs no torch. Writes the prompt's pictures as FOLDER/000.png… and one of open jaws as FOLDER/jaw.png.
"""

import sys
from pathlib import Path

import cv2

from runtime.avatar.loaded import LoadedAvatar
from runtime.commands.render import states_of_timeline
from runtime.contract.drive import DriveState, coefficients
from runtime.driving.language.prompts import parse
from runtime.driving.repertoire import Repertoire


def main(bundle: Path, folder: Path, fps: float = 10.0, engine: str = "auto") -> None:
    avatar = LoadedAvatar.load(bundle, engine)
    renderer = avatar.new_renderer()
    folder.mkdir(parents=True, exist_ok=True)

    repertoire = Repertoire(avatar.bank)
    prompt = parse("smile for one second, then wink left", repertoire.lexicon)
    for number, state in enumerate(states_of_timeline(prompt.timeline, fps, repertoire)):
        save(folder / f"{number:03d}.png", renderer.render(state).rgba)

    jaw = DriveState(coefficients({"jawOpen": 0.7}))
    save(folder / "jaw.png", renderer.render(jaw).rgba)


def save(path: Path, rgba) -> None:
    """Premultiplied RGBA over black, as it is."""
    cv2.imwrite(str(path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
