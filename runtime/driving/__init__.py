"""Where drive states come from and how they become one: sources, smoothing, retargeting, prompts, scripts, mixing."""
