"""What a user waits for, as ratios against a floor or a peer measured in the same run."""
