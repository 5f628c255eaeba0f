package csi

import (
	"context"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// identity answers who this is.
type identity struct {
	spec.UnsafeIdentityServer
	settings Settings
	controls bool
	topology bool
}

// GetPluginInfo returns the name and version.
func (i identity) GetPluginInfo(
	context.Context, *spec.GetPluginInfoRequest,
) (*spec.GetPluginInfoResponse, error) {
	return &spec.GetPluginInfoResponse{Name: i.settings.Name, VendorVersion: i.settings.Version}, nil
}

// GetPluginCapabilities returns what this process serves.
func (i identity) GetPluginCapabilities(
	context.Context, *spec.GetPluginCapabilitiesRequest,
) (*spec.GetPluginCapabilitiesResponse, error) {
	capabilities := pluginCapabilities(i.controls, i.topology)
	return &spec.GetPluginCapabilitiesResponse{Capabilities: capabilities}, nil
}

// Probe says ready as soon as there is somebody to ask. An array that is down
// shows elsewhere: a probe that told would have healthy pods restarted.
func (identity) Probe(context.Context, *spec.ProbeRequest) (*spec.ProbeResponse, error) {
	return &spec.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}
