module skep.dev/guests/hello

go 1.24
