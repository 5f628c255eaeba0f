package fakerds

// DieAt ends the process, as far as the array can tell, at the n-th point of
// what it does from now on. 0: never.
func (r *RDS) DieAt(n int) {
	r.turn <- struct{}{}
	r.dies = dieAt(n)
	<-r.turn
}

// Died reports whether it came to that.
func (r *RDS) Died() bool {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	return r.closed
}

// DyingAt returns cfg with an Open that dies at its n-th point.
func DyingAt(cfg Config, n int) Config {
	cfg.dies = dieAt(n)
	return cfg
}

func dieAt(n int) func(string) bool {
	return func(string) bool {
		n--
		return n == 0
	}
}
