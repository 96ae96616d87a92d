mod conformance;
mod disk_full;
mod durability;
mod encoding;
mod folder;
mod property;
mod running;
mod support;
