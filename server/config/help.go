package config

var help = map[string]string{}
