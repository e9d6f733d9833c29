module labtools

go 1.26
