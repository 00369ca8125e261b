// A control plane: the edge asks it for the cluster "web" and its endpoints, over ADS. Who is in the mesh it reads in the file
// that MESHKAT_PODS names.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The group whose pods are the endpoints, and the cluster's name.
const name = "web"

// A pod, as the file tells of it.
type pod struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Port    uint32 `json:"port"`
}

// Every Envoy gets the same, whatever it is called.
type everybody struct{}

func (everybody) ID(*core.Node) string { return "everybody" }

func ads() *core.ConfigSource {
	return &core.ConfigSource{
		ResourceApiVersion:    core.ApiVersion_V3,
		ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
	}
}

func address(pod pod) *core.Address {
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address:       pod.Address,
		PortSpecifier: &core.SocketAddress_PortValue{PortValue: pod.Port},
	}}}
}

// What Envoys are told of these pods. The version follows from the content, so that a control plane that starts again tells nothing new.
func snapshot(text []byte) (*cache.Snapshot, error) {
	var groups map[string][]pod
	if err := json.Unmarshal(text, &groups); err != nil {
		return nil, err
	}
	var endpoints []*endpoint.LbEndpoint
	for _, pod := range groups[name] {
		endpoints = append(endpoints, &endpoint.LbEndpoint{HostIdentifier: &endpoint.LbEndpoint_Endpoint{
			Endpoint: &endpoint.Endpoint{Address: address(pod)},
		}})
	}
	assignment := &endpoint.ClusterLoadAssignment{
		ClusterName: name,
		Endpoints:   []*endpoint.LocalityLbEndpoints{{LbEndpoints: endpoints}},
	}
	web := &cluster.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: ads()},
		ConnectTimeout:       durationpb.New(time.Second),
	}
	hash := sha256.Sum256(text)
	return cache.NewSnapshot(hex.EncodeToString(hash[:8]), map[resource.Type][]types.Resource{
		resource.ClusterType:  {web},
		resource.EndpointType: {assignment},
	})
}

// Looks again and again who is in the mesh.
func follow(ctx context.Context, snapshots cache.SnapshotCache, file string) {
	var told string
	for {
		text, err := os.ReadFile(file)
		if err == nil && string(text) != told {
			var next *cache.Snapshot
			if next, err = snapshot(text); err == nil {
				err = snapshots.SetSnapshot(ctx, everybody{}.ID(nil), next)
			}
			told = string(text)
		}
		if err != nil {
			log.Printf("failed to follow %s: %v", file, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	snapshots := cache.NewSnapshotCache(true, everybody{}, nil)
	go follow(ctx, snapshots, os.Getenv("MESHKAT_PODS"))

	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("MESHKAT_ADDRESS"), os.Getenv("MESHKAT_PORT")))
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(ctx, snapshots, nil))
	go func() {
		<-ctx.Done()
		grpcServer.Stop()
	}()
	log.Printf("listening at %s", listener.Addr())
	if err := grpcServer.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
