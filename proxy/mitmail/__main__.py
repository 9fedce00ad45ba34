"""``python -m mitmail``."""

from mitmail.cli import main

if __name__ == "__main__":
    main()
