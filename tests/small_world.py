"""The settings of the small miniature world that several test files read."""

from harness.miniworld.world.scenes import WorldSettings

SMALL = WorldSettings(train_images=30, val_images=120, preference_captions=20, preference_yes_no=10)
