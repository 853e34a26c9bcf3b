module {{name}}

go 1.24

require chengxin v0.0.0

replace chengxin => ./chengxin
