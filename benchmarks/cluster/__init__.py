"""What benchmarks of the whole product have in common: a project on a local cluster, watches, graphs, figures."""
