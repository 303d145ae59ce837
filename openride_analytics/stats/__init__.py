"""The numbers: what contract terms mean, in SQL over the warehouse and pure Python after it."""
