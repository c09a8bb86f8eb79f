"""Score prompts under variants: by likelihood of answers and by greedy generation."""
