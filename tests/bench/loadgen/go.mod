module treenail.invalid/loadgen

go 1.24
