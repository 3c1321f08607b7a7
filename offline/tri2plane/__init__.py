"""Tri²-plane avatars: monocular clip → three levels of tri-planes → volume rendering → super-resolution.

After Song et al., "Tri²-plane: Thinking Head Avatar via Feature Pyramid" (ECCV 2024).
"""
