package filesystem

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// The mount options that are taken. What is not in these tables is refused,
// because an option can turn off what keeps data safe (nobarrier, norecovery),
// show another part of the disk than is meant (subvol, sb), stop the whole node
// (errors=panic) or undo what this package promises (remount, bind, ro).

// generalOptions are taken on every file system and on binds.
var generalOptions = map[string]option{
	"defaults": {}, "rw": {}, "atime": {}, "diratime": {}, "suid": {}, "dev": {}, "exec": {}, "async": {},
	"noatime": {attr: noAtime}, "relatime": {attr: relAtime}, "strictatime": {attr: strictAtime},
	"nodiratime": {attr: noDirAtime}, "nosuid": {attr: noSuid}, "nodev": {attr: noDev}, "noexec": {attr: noExec},
	"sync": {param: true}, "dirsync": {param: true}, "lazytime": {param: true}, "nolazytime": {param: true},
}

// fileSystemOptions are taken on one file system each. A bind takes them too,
// since orchestrators give it the same list, and does nothing with them.
var fileSystemOptions = map[domain.Access]map[string]option{
	domain.Ext4: {
		"discard": flag, "nodiscard": flag, "delalloc": flag, "nodelalloc": flag,
		"auto_da_alloc": flag, "noauto_da_alloc": flag, "noinit_itable": flag,
		"usrquota": flag, "grpquota": flag, "prjquota": flag,
		"commit": number, "init_itable": number, "stripe": number, "inode_readahead_blks": number,
		"data": oneOf("ordered", "journal"), "errors": oneOf("remount-ro", "continue"),
	},
	domain.XFS: {
		"discard": flag, "nodiscard": flag, "inode32": flag, "inode64": flag, "largeio": flag, "nolargeio": flag,
		"swalloc": flag, "noalign": flag, "noquota": flag,
		"uquota": flag, "gquota": flag, "pquota": flag, "usrquota": flag, "grpquota": flag, "prjquota": flag,
		"allocsize": amount, "logbsize": amount, "logbufs": number,
	},
	domain.Btrfs: {
		"discard": flagOr("sync", "async"), "nodiscard": flag, "autodefrag": flag, "noautodefrag": flag,
		"ssd": flag, "nossd": flag, "nossd_spread": flag, "flushoncommit": flag, "noflushoncommit": flag,
		"user_subvol_rm_allowed": flag, "space_cache": oneOf("v2"),
		"compress": compression, "compress-force": compression,
		"commit": number, "thread_pool": number, "metadata_ratio": number, "max_inline": amount,
	},
}

// An attr is a flag of one mount, not of the file system.
type attr uint8

const (
	noAtime attr = iota + 1
	relAtime
	strictAtime
	noDirAtime
	noSuid
	noDev
	noExec
)

// An option is how one option is spelled and what it does.
type option struct {
	attr  attr           // set on the mount
	param bool           // handed to the file system
	value *regexp.Regexp // what may follow "=", nil: nothing may
	bare  bool           // with a value allowed, none may be given
}

var (
	flag        = option{param: true}
	number      = option{param: true, value: regexp.MustCompile(`^[0-9]{1,9}$`)}
	amount      = option{param: true, value: regexp.MustCompile(`^[0-9]{1,9}[kKmMgG]?$`)}
	compression = option{param: true, bare: true, value: regexp.MustCompile(`^(no|lzo|(zlib|zstd)(:[0-9]{1,2})?)$`)}
)

func oneOf(values ...string) option {
	return option{param: true, value: regexp.MustCompile(`^(` + strings.Join(values, "|") + `)$`)}
}

func flagOr(values ...string) option {
	o := oneOf(values...)
	o.bare = true
	return o
}

// A param is an option as the file system gets it.
type param struct {
	key, value string
	isFlag     bool
}

// options is a list of options that were all taken.
type options struct {
	attrs  []attr
	params []param
}

// parseOptions reads the options of a mount; one that is not taken is Invalid
// and named.
func parseOptions(a domain.Access, list []string) (options, error) {
	known := maps.Clone(generalOptions)
	maps.Copy(known, fileSystemOptions[a])
	o, bad := takeOptions(list, func(key string) (option, bool) { o, ok := known[key]; return o, ok })
	if bad != nil {
		return options{}, domain.Fail(domain.Invalid, "parse mount options", "",
			"mount option %q is not taken on %s, allowed are %s", *bad, a, strings.Join(MountOptions(a), ", "))
	}
	return o, nil
}

// parseBindOptions reads the options of a bind: those of every file system are
// taken, those of the mount itself are set.
func parseBindOptions(list []string) (options, error) {
	o, bad := takeOptions(list, func(key string) (option, bool) {
		if o, ok := generalOptions[key]; ok {
			return o, true
		}
		for _, known := range fileSystemOptions {
			if _, ok := known[key]; ok {
				return option{bare: true, value: regexp.MustCompile(`^[0-9A-Za-z:_-]+$`)}, true
			}
		}
		return option{}, false
	})
	if bad != nil {
		return options{}, domain.Fail(domain.Invalid, "parse mount options", "",
			"mount option %q is not taken on any file system", *bad)
	}
	return options{attrs: o.attrs}, nil
}

// takeOptions sorts the options; bad is the first that is not taken.
func takeOptions(list []string, find func(key string) (option, bool)) (taken options, bad *string) {
	for _, text := range list {
		key, value, hasValue := strings.Cut(text, "=")
		o, known := find(key)
		if !known || !o.takes(value, hasValue) {
			return options{}, &text
		}
		if o.attr != 0 {
			taken.attrs = append(taken.attrs, o.attr)
		}
		if o.param {
			taken.params = append(taken.params, param{key: key, value: value, isFlag: !hasValue})
		}
	}
	return taken, nil
}

func (o option) takes(value string, hasValue bool) bool {
	if !hasValue {
		return o.value == nil || o.bare
	}
	return o.value != nil && o.value.MatchString(value)
}

// MountOptions returns the options that are taken on a file system, sorted, as
// documentation shows them: those with a value end in "=".
func MountOptions(a domain.Access) []string {
	var all []string
	for _, table := range []map[string]option{generalOptions, fileSystemOptions[a]} {
		for key, o := range table {
			if o.value == nil || o.bare {
				all = append(all, key)
			}
			if o.value != nil {
				all = append(all, key+"=")
			}
		}
	}
	slices.Sort(all)
	return all
}
