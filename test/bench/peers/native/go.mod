module skep/bench/native

go 1.24
