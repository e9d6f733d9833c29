//! Strategies and security controls of secure-scan against the Kubernetes API.
