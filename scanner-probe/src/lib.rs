//! Static inventory agent of secure-scan (stub: not functional yet).
