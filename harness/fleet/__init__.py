"""Evaluation on many worker processes: on the GPUs of one machine, or of a Ray cluster.

    FleetModel       a `Model`: plans waves, distributes them, yields answers in the order of one process
    WorkerPool       workers and work queues; any thread submits calls. Its `DispatchLoop` leases units to workers and retries
    Leases           which worker has which unit, until when; timeouts and retries
    RayCluster       Ray: it and `ray_train` are the only modules that import it
    LocalProcesses   the same methods without Ray, on this machine (the study's `jobs`)
    ray_train        distributed training of one arm, through Ray Train
    Worker           what runs on the hosts: one checkpoint, loaded once, which works on one unit after the other

The driver alone writes the store. A wave (what is computed together) is a function of the request list alone, so that answers,
stores and reports have the same bytes with any number of workers and without any. A worker holds no state that cannot be
recomputed.
"""
