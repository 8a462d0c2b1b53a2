"""The pinned toolchain and the script that makes it: standard library only, imports nothing else of this project."""
