//! Each rule goes red on a small tree, and green on its mended twin.
