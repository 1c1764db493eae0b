//! Real servers, topologies, faults and oracles for the tests of redis-mirror.
