"""The answers of a run from many processes, on the GPUs of one machine or of a Ray cluster.

    FleetModel   the contract's `Model`: plans waves, hands them out, gives answers back in the order of one process
    Crew         the workers: who is there, who is lost, who has which unit of work (`Leases`)
    Cluster      Ray: it and `gang` are the only modules that import it
    gang         the processes of one training, through Ray Train
    Worker       what runs on the hosts: one checkpoint, loaded once, asked for one unit after the other

The driver alone writes the store. A wave is a function of the request list alone, so that answers, stores and reports have
the same bytes with any number of workers and without any. Workers hold nothing that cannot be asked for again.
"""
