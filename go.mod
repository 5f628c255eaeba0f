module git.srvlab.io/whiskey/rds-csi-driver

go 1.26.8

require github.com/container-storage-interface/spec v1.13.0 // indirect
