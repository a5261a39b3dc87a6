// The home of the precompiled header; it holds no code.
