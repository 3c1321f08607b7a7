"""From one picture and a sentence to a head with an extreme expression (Prinzler et al. 2024, "Joker").

A 2D diffusion prior imagines the expression, progressive distillation makes one tri-plane head of its pictures, and a
bank keeps the heads for an avatar to perform.
"""
