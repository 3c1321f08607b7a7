"""Everything that drives one avatar in one session, wired."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runtime.driving.idle import Idle
from runtime.driving.mixer import FADE, Mixed, Mixer
from runtime.driving.reach import Reach
from runtime.driving.repertoire import Repertoire
from runtime.driving.retarget import Retargeter
from runtime.driving.smoothing import Smoother
from runtime.driving.sources import Filter, Player, Stream


class Performance:
    """The sources of a session in their order of importance, and the mixer over them.

    An app's coefficients outrank the camera, since someone chose to send them. A script lays its claims over either,
    and a prompt over a script.
    """

    def __init__(
        self,
        seed: int = 0,
        camera_stages: Callable[[], Iterable[Filter]] = tuple,
        reach: Reach | None = None,
        fade: float = FADE,
        repertoire: Repertoire | None = None,
    ) -> None:
        self.repertoire = repertoire or Repertoire()
        self.camera = Stream("camera", camera_stages)
        self.coefficients = Stream("coefficients")
        self.script = Player("script")
        self.prompt = Player("prompt")
        streams, players = (self.camera, self.coefficients), (self.script, self.prompt)
        self.mixer = Mixer(Idle(seed), streams, players, fade, reach, self.repertoire)

    def end(self) -> None:
        """Whoever drove it has gone: nothing of theirs goes on, and the avatar eases back to idle."""
        for stream in (self.camera, self.coefficients):
            stream.end()
        for player in (self.script, self.prompt):
            player.stop()

    def sample(self, now: float) -> Mixed:
        """The avatar at `now` (seconds on the session's monotonic clock, not going back)."""
        return self.mixer.sample(now)


def live_performance(seed: int = 0, repertoire: Repertoire | None = None) -> Performance:
    """A performance that follows a camera: what is tracked is brought to the avatar's range, then smoothed.

    `repertoire` holds the expressions of the avatar's own that it can play.
    """
    return Performance(seed, camera_stages=lambda: (Retargeter(), Smoother()), repertoire=repertoire)
