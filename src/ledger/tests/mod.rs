mod conformance;
mod disk_full;
mod durability;
mod folder;
mod property;
mod running;
mod support;
