"""The embedded default: a small drawn world in the formats of the real data, and a small LLaVA that has seen it.

Import nothing heavy here: `write.write_world` needs Pillow and numpy, `build` needs torch.
"""
