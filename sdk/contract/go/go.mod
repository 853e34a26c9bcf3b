module chengxin

go 1.24
