"""Counters and times in Prometheus' text format (version 0.0.4); base units, no session labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(
    sums: Mapping[str, int], sessions: int, free: int, rejected: int, stages: Mapping[str, Mapping[str, float]]
) -> str:
    """The page that Prometheus reads. `stages` holds milliseconds by stage and quantile ("p50", "p95")."""
    lines: list[str] = []

    def family(name: str, kind: str, help_text: str, samples: Iterable[tuple[str, float]]) -> None:
        lines.append(f"# HELP {name} {help_text}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(f"{name}{labels} {value:g}" for labels, value in samples)

    states = [('{state="open"}', sessions), ('{state="free"}', free)]
    family("avatar_sessions", "gauge", "Connections by state.", states)
    family("avatar_session_rejected_total", "counter", "Refused connections.", [('{reason="full"}', rejected)])
    family("avatar_frames_rendered_total", "counter", "Frames rendered.", [("", sums["rendered"])])
    stages_of = {"tick": "skipped", "camera": "cameraDropped", "viewer": "viewerDropped", "history": "historyDropped"}
    dropped = [(f'{{stage="{stage}"}}', sums[field]) for stage, field in stages_of.items()]
    family("avatar_frames_dropped_total", "counter", "Frames that a stage skipped to stay current.", dropped)
    family("avatar_camera_frames_tracked_total", "counter", "Camera frames tracked.", [("", sums["cameraTracked"])])
    refused = [("", sums["messagesRefused"])]
    family("avatar_messages_refused_total", "counter", "Control messages refused while too many waited.", refused)
    family("avatar_keyframes_total", "counter", "Keyframes encoded.", [("", sums["keyframes"])])
    quantiles = [
        (f'{{stage="{stage}",quantile="{q}"}}', times[p] / 1e3)
        for stage, times in sorted(stages.items())
        for q, p in (("0.5", "p50"), ("0.95", "p95"))
    ]
    family("avatar_stage_duration_seconds", "summary", "Recent durations of each stage.", quantiles)
    return "\n".join(lines) + "\n"
