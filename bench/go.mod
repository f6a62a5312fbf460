module github.com/parley-ws/parley/bench

go 1.26.0

replace github.com/parley-ws/parley => ../
