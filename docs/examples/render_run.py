"""Load a trained run and render one picture of it with torch: python docs/examples/render_run.py RUN OUT.png"""

import sys
from pathlib import Path

import cv2

from offline.evaluate.pictures import eight_bit, picture_of
from offline.tri2plane.checkpoint import load
from runtime.contract.axes import portrait_camera
from runtime.contract.drive import DriveState, coefficients


def main(run_folder: Path, out: Path) -> None:
    run, _ = load(run_folder)
    smiling = DriveState(coefficients({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.2}))
    camera = portrait_camera(yaw=0.2)  # radians; positive walks to the avatar's left
    picture = picture_of(run, smiling, camera)  # [P, P, 3], 0..1, over white
    cv2.imwrite(str(out), eight_bit(picture)[..., ::-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
