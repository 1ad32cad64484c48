"""Where records and their changes are kept: adapters of the ``Store`` port."""
