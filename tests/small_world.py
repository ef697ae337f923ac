"""The settings of the small miniature worlds that several test files read."""

from harness.miniworld.world.scenes import WorldSettings

SMALL = WorldSettings(train_images=30, val_images=120, preference_captions=20, preference_yes_no=10)
# For whole runs: prompts enough for every source of pairs, and files that every one of some hundred runs reads in no time.
OF_RUNS = WorldSettings(train_images=200, val_images=120, preference_captions=190, preference_yes_no=90)
