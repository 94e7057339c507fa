# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tentacle on a Windows host, after its public source (https://github.com/OctopusDeploy/OctopusTentacle, a321dc6 and its tags)."""
